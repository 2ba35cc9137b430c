"""What neurons of a layer may do and leave the function as it is: change places, and scale against the next.

relu(s z) = s relu(z) for s > 0, so that one number a hidden neuron is free, beside its place in the layer.
"""

import numpy as np

from networks.relu import ReLU


def permuted(network: ReLU, seed: int = 0) -> ReLU:
    """The network with the neurons of each hidden layer in another order."""
    draw = np.random.default_rng(seed)
    weights, biases = list(network.weights), list(network.biases)
    for layer, width in enumerate(network.sizes[1:-1]):
        order = draw.permutation(width)
        weights[layer], biases[layer] = weights[layer][order], biases[layer][order]
        weights[layer + 1] = weights[layer + 1][:, order]
    return ReLU.of(weights, biases)


def rescaled(network: ReLU, spread: float = 1.0, seed: int = 0) -> ReLU:
    """The network with every hidden neuron times exp(N(0, `spread`²)), and the next layer divided by it."""
    draw = np.random.default_rng(seed)
    weights, biases = list(network.weights), list(network.biases)
    for layer, width in enumerate(network.sizes[1:-1]):
        scale = np.exp(spread * draw.normal(size=width))
        weights[layer], biases[layer] = scale[:, None] * weights[layer], scale * biases[layer]
        weights[layer + 1] = weights[layer + 1] / scale
    return ReLU.of(weights, biases)
