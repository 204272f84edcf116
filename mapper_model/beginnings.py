"""How prompts begin, computed once: keys and values that questions about one detector have in common.

What vLLM calls automatic prefix caching, for one process and one model. Only computation is saved; the numbers are
those of a pass over the whole prompt.
"""

from typing import Any

from cachetools import LRUCache
from torch import Tensor
from transformers import DynamicCache

MOST = 64
"""Beginnings kept, more than the catalogue has detectors: where they come in turns, one too few would keep none.

Each takes about 1 MB for a model of 135 million parameters, 5 MB for one of 8 billion.
"""


class Beginnings:
    """Keys and values by token ids, the least recently used forgotten first. Used from one thread at a time."""

    def __init__(self, config: Any) -> None:
        self._config = config
        self._kept: LRUCache[tuple[int, ...], list[tuple[Tensor, Tensor]]] = LRUCache(MOST)

    def open(self, beginning: tuple[int, ...]) -> tuple[DynamicCache, int]:
        """A cache to run a pass with, and how many tokens of the beginning it holds: all or none."""
        kept = self._kept.get(beginning)
        if not kept:
            return DynamicCache(config=self._config), 0
        return DynamicCache(kept, config=self._config), len(beginning)

    def keep(self, beginning: tuple[int, ...], cache: DynamicCache) -> None:
        """Remember a beginning from the cache of a pass that began with it."""
        if beginning and beginning not in self._kept:
            end = len(beginning)
            self._kept[beginning] = [
                (layer.keys[:, :, :end].clone(), layer.values[:, :, :end].clone()) for layer in cache.layers
            ]
