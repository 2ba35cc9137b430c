"""How long JAX has been compiling, as it tells its own monitors."""

import jax

EVENTS = ("jaxpr_trace_duration", "jaxpr_to_mlir_module_duration", "backend_compile_duration")


class CompileClock:
    """Adds up the seconds that JAX spends on tracing, lowering and compiling from now on."""

    def __init__(self):
        self.seconds = 0.0
        jax.monitoring.register_event_duration_secs_listener(self._add)

    def _add(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event.endswith(EVENTS):
            self.seconds += duration_secs
