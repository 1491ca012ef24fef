"""Random bits from a counter: fixed values, so that kernels and files can rely on them."""

from __future__ import annotations

import numpy as np

from striate.layers.random import mix, step_keys, uniform_bits


def test_mix_is_the_finaliser_of_murmur3() -> None:
    bits = mix(np.array([0, 1, 2, 0xFFFFFFFF], np.uint32))
    assert [hex(b) for b in bits] == ["0x0", "0x514e28b7", "0x30f4c306", "0x81f16f39"]


def test_bits_depend_on_key_and_place_alone() -> None:
    assert uniform_bits(5, 100)[:10].tolist() == uniform_bits(5, 10).tolist()
    assert len(set(uniform_bits(5, 1000).tolist())) == 1000
    assert np.mean(uniform_bits(1, 1000) == uniform_bits(2, 1000)) < 0.01


def test_bits_are_uniform() -> None:
    bits = uniform_bits(123, 100_000)
    assert abs(bits.mean() / 2**32 - 0.5) < 0.005
    ones = [(bits >> np.uint32(i) & np.uint32(1)).mean() for i in range(32)]
    assert max(abs(share - 0.5) for share in ones) < 0.01


def test_neighbouring_keys_are_not_shifted_copies() -> None:
    a, b = uniform_bits(1, 1000), uniform_bits(2, 1000)
    for shift in range(1, 50):
        assert np.mean(a[shift:] == b[:-shift]) < 0.01
        assert np.mean(b[shift:] == a[:-shift]) < 0.01


def test_step_keys_differ_in_every_part() -> None:
    keys = {
        int(key)
        for seed in (0, 1, 2**31, 2**40 + 5)
        for step in range(20)
        for key in step_keys(seed, step, 10)
    }
    assert len(keys) == 4 * 20 * 10


def test_step_keys_do_not_depend_on_the_number_of_layers() -> None:
    assert step_keys(1, 2, 9).dtype == np.uint32
    assert step_keys(1, 2, 9)[:4].tolist() == step_keys(1, 2, 4).tolist()
