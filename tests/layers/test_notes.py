"""Every worked example of the CS231n notes, "Convolutional Networks"."""

from __future__ import annotations

import numpy as np
import pytest

from examples import example, volume
from striate.layers import Conv, Fc, Local, Mode, Shape, Window
from striate.layers.fitting import arithmetic
from striate.layers.im2col import w_row, x_col


def output(text: str) -> str:
    """The output volume of an example, as the notes write it; all its rules must hold."""
    layer, shapes = example(text)
    assert [rule.message for rule in layer.rules(*shapes) if not rule.holds] == []
    return str(layer.shape(*shapes))


def problems(text: str) -> list[str]:
    layer, shapes = example(text)
    return [rule.message for rule in layer.rules(*shapes) if not rule.holds]


def test_regular_nets_do_not_scale() -> None:
    assert Fc(1).parameters(volume("32x32x3"))["w"].size == 3072
    assert Fc(1).parameters(volume("200x200x3"))["w"].size == 120_000


def test_example_architecture() -> None:
    assert output("32x32x3 -> CONV3-12") == "32x32x12"
    assert output("32x32x12 -> RELU") == "32x32x12"
    assert output("32x32x12 -> POOL2") == "16x16x12"
    assert output("16x16x12 -> FC 10") == "1x1x10"


@pytest.mark.parametrize(
    ("text", "weights"), [("32x32x3 -> CONV5-1", 75), ("16x16x20 -> CONV3-1", 180)]
)
def test_local_connectivity_examples_1_and_2(text: str, weights: int) -> None:
    layer, shapes = example(text)
    parameters = layer.parameters(*shapes)
    assert parameters["w"].size == parameters["w"].fan_in == weights
    assert parameters["b"].size == 1


def test_7x7_input_and_3x3_filter() -> None:
    assert output("7x7x1 -> CONV3-1 S=1 P=0") == "5x5x1"
    assert output("7x7x1 -> CONV3-1 S=2 P=0") == "3x3x1"


def test_one_dimension_with_w_5_f_3_p_1() -> None:
    x = np.array([1.0, 2, -1, 1, -3]).reshape(1, 1, 5, 1)
    weights = {"w": np.array([1.0, 0, -1]).reshape(1, 1, 3, 1)}
    for stride, size, values in ((1, 5, [-2, 2, 1, 2, 1]), (2, 3, [-2, 1, 1])):
        layer = Conv(1, Window((1, 3), (1, stride), (0, 0, 1, 1)), bias=False)
        assert layer.shape(Shape(1, 5, 1)).width == size
        assert layer.forward((x,), weights, Mode()).ravel().tolist() == values
    window = Window((1, 3), (1, 3), (0, 0, 1, 1))
    assert arithmetic(window, Shape(1, 5, 1), 1) == "(5 - 3 + 2*1)/3 + 1 = 2.333"
    assert [rule.holds for rule in window.rules(Shape(1, 5, 1))].count(False) == 1


def test_use_of_zero_padding() -> None:
    assert output("5x5x1 -> CONV3-1 P=0") == "3x3x1"
    for size in (1, 3, 5, 7, 9, 11):
        assert output(f"13x13x1 -> CONV{size}-1") == "13x13x1"
        assert example(f"13x13x1 -> CONV{size}-1 P={(size - 1) // 2}") == example(
            f"13x13x1 -> CONV{size}-1"
        )


def test_constraints_on_strides() -> None:
    assert problems("10x10x3 -> CONV3-8 P=0 S=2") == [
        "the window does not fit: (10 - 3 + 2*0)/2 + 1 = 4.5 is not whole. These fit: S=1; "
        "F=2 or F=4; input 9x9 or 11x11; or accept it with fit=floor (4, crops) "
        "or fit=ceil (5, pads)"
    ]
    assert output("10x10x3 -> CONV3-8 P=0 S=2 fit=floor") == "4x4x8"
    assert output("10x10x3 -> CONV3-8 P=0 S=2 fit=ceil") == "5x5x8"


def test_the_first_layer_of_krizhevsky() -> None:
    layer, shapes = example("227x227x3 -> CONV11-96 S=4 P=0")
    assert str(layer.shape(*shapes)) == "55x55x96"
    assert layer.shape(*shapes).values == 290_400
    parameters = layer.parameters(*shapes)
    assert parameters["w"].fan_in == 363
    assert (parameters["w"].size, parameters["b"].size) == (34_848, 96)
    assert layer.weight_formula(*shapes) == "(11*11*3)*96"


def test_224_does_not_fit_krizhevsky() -> None:
    assert problems("224x224x3 -> CONV11-96 S=4 P=0") == [
        "the window does not fit: (224 - 11 + 2*0)/4 + 1 = 54.25 is not whole. These fit: "
        "S=3 or S=1; F=12 or F=8; input 223x223 or 227x227; or accept it with "
        "fit=floor (54, crops) or fit=ceil (55, pads)"
    ]


def test_without_parameter_sharing() -> None:
    layer, shapes = example("227x227x3 -> LOCAL11-96 S=4 P=0")
    parameters = layer.parameters(*shapes)
    assert parameters["w"].size + parameters["b"].size == 290_400 * 364 == 105_705_600
    assert layer.weight_formula(*shapes) == "(11*11*3)*(55*55*96)"


def test_local_with_shared_filters_is_conv() -> None:
    window = Window((3, 3), (2, 2), (0, 1, 1, 0))
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s) for s in ((2, 8, 6, 3), (4, 3, 3, 3), (4,)))
    shared = Conv(4, window).forward((x,), {"w": w, "b": b}, Mode())
    each = (*shared.shape[1:3], *[1] * 4)
    apart = {"w": np.tile(w, each), "b": np.tile(b, each[:3])}
    np.testing.assert_allclose(Local(4, window).forward((x,), apart, Mode()), shared)


def test_numpy_example() -> None:
    """The notes' X[x, y, d] has x first; here the row (y) comes first, so V[i, j] is V[j, i]."""
    rng = np.random.default_rng(0)
    x, w0, w1 = (rng.standard_normal(s) for s in ((11, 11, 4), (5, 5, 4), (5, 5, 4)))
    b0, b1 = 0.5, -0.25
    volume_in = x.transpose(1, 0, 2)[None]
    weights = {"w": np.stack([w0, w1]).transpose(0, 2, 1, 3), "b": np.array([b0, b1])}
    layer = Conv(2, Window((5, 5), (2, 2), (0, 0, 0, 0)))
    v = layer.forward((volume_in,), weights, Mode())[0].transpose(1, 0, 2)
    assert v.shape == (4, 4, 2)
    for k, w, b in ((0, w0, b0), (1, w1, b1)):
        assert v[0, 0, k] == pytest.approx(np.sum(x[:5, :5, :] * w) + b)
        assert v[1, 0, k] == pytest.approx(np.sum(x[2:7, :5, :] * w) + b)
        assert v[2, 0, k] == pytest.approx(np.sum(x[4:9, :5, :] * w) + b)
        assert v[3, 0, k] == pytest.approx(np.sum(x[6:11, :5, :] * w) + b)
    assert v[0, 1, 1] == pytest.approx(np.sum(x[:5, 2:7, :] * w1) + b1)
    assert v[2, 3, 1] == pytest.approx(np.sum(x[4:9, 6:11, :] * w1) + b1)


DEMO_INPUT = [
    [[2, 0, 2, 1, 0], [2, 1, 0, 2, 0], [2, 1, 1, 0, 0], [0, 0, 2, 2, 0], [0, 1, 0, 2, 0]],
    [[1, 1, 0, 2, 0], [1, 2, 0, 1, 0], [2, 2, 2, 1, 1], [2, 1, 2, 2, 0], [0, 0, 1, 2, 0]],
    [[0, 1, 0, 1, 2], [0, 2, 1, 0, 2], [1, 2, 2, 0, 0], [1, 0, 0, 2, 1], [1, 0, 2, 0, 0]],
]
DEMO_W0 = [
    [[-1, 0, 1], [-1, 0, -1], [-1, -1, 1]],
    [[0, 1, 0], [0, 0, 0], [-1, 1, 1]],
    [[0, 0, 1], [0, 0, 0], [1, -1, -1]],
]
DEMO_W1 = [
    [[1, 1, 1], [1, 1, 0], [1, 0, -1]],
    [[-1, 0, 0], [0, 0, -1], [-1, 1, -1]],
    [[-1, 0, 0], [-1, 0, 1], [0, 1, -1]],
]


def test_convolution_demo() -> None:
    x = np.array(DEMO_INPUT, float).transpose(1, 2, 0)[None]
    w = np.array([DEMO_W0, DEMO_W1], float).transpose(0, 2, 3, 1)
    layer, shapes = example("5x5x3 -> CONV3-2 S=2 P=1")
    assert str(layer.shape(*shapes)) == "3x3x2"
    o = layer.forward((x,), {"w": w, "b": np.array([1.0, 0.0])}, Mode())[0]
    assert o[:, :, 0].tolist() == [[1, 1, -5], [6, 2, -4], [2, 4, -3]]
    assert o[:, :, 1].tolist() == [[-2, -3, 3], [7, -7, 2], [0, 2, 0]]


def test_implementation_as_matrix_multiplication() -> None:
    layer = example("227x227x3 -> CONV11-96 S=4 P=0")[0]
    assert isinstance(layer, Conv)
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((227, 227, 3)), rng.standard_normal((96, 11, 11, 3))
    columns, rows = x_col(x, layer.window), w_row(w)
    assert columns.shape == (363, 3025)
    assert rows.shape == (96, 363)
    product = np.dot(rows, columns)
    assert product.shape == (96, 3025)
    volume_out = product.T.reshape(55, 55, 96)
    direct = layer.forward((x[None],), {"w": w, "b": np.zeros(96)}, Mode())[0]
    np.testing.assert_allclose(volume_out, direct, atol=1e-10)
    np.testing.assert_array_equal(columns[:, 56], x[4:15, 4:15].ravel())


def test_backward_by_data_is_a_convolution_with_flipped_filters() -> None:
    rng = np.random.default_rng(0)
    x, w, gradient = (rng.standard_normal(s) for s in ((1, 6, 6, 3), (5, 3, 3, 3), (1, 6, 6, 5)))
    layer = Conv(5, Window((3, 3)), bias=False)
    (dx,), _ = layer.backward(gradient, (x,), gradient, {"w": w}, Mode())
    flipped = {"w": w[:, ::-1, ::-1].transpose(3, 1, 2, 0)}
    again = Conv(3, Window((3, 3)), bias=False).forward((gradient,), flipped, Mode())
    np.testing.assert_allclose(dx, again, atol=1e-12)


def test_1x1_convolution_is_a_dot_product_over_the_depth() -> None:
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 32, 32, 3)), rng.standard_normal((4, 1, 1, 3))
    y = Conv(4, Window((1, 1)), bias=False).forward((x,), {"w": w}, Mode())
    np.testing.assert_allclose(y, x @ w[:, 0, 0].T, atol=1e-12)


def test_dilation() -> None:
    """The notes' dilation of 0 and 1 are our 1 and 2."""
    x = np.array([1.0, 10, 100, 1000, 10000]).reshape(1, 1, 5, 1)
    w = {"w": np.array([1.0, 2, 3]).reshape(1, 1, 3, 1)}
    contiguous = Conv(1, Window((1, 3), pad=(0, 0, 0, 0)), bias=False).forward((x,), w, Mode())
    assert contiguous.ravel().tolist() == [321, 3210, 32100]
    spaced = Window((1, 3), pad=(0, 0, 0, 0), dilation=(1, 2))
    assert Conv(1, spaced, bias=False).forward((x,), w, Mode()).ravel().tolist() == [30201]
    assert spaced.reach == (1, 5)


def seen_through(*windows: Window) -> int:
    """The width of the patch of the input that one output sees through a stack of windows."""
    size = 1
    for window in reversed(windows):
        size = (size - 1) * window.stride[1] + window.reach[1]
    return size


def test_receptive_fields_of_stacks() -> None:
    three = Window((3, 3))
    assert [seen_through(*[three] * count) for count in (1, 2, 3)] == [3, 5, 7]
    assert seen_through(three, Window((3, 3), dilation=(2, 2))) == 7
    assert seen_through(Window((7, 7))) == 7


def test_a_stack_of_small_filters_has_fewer_weights() -> None:
    c = 6
    weights = [Conv(c, Window((f, f))).parameters(Shape(9, 9, c))["w"].size for f in (3, 7)]
    assert [weights[0], 3 * weights[0], weights[1]] == [9 * c**2, 27 * c**2, 49 * c**2]


def test_pooling() -> None:
    assert output("224x224x64 -> POOL2") == "112x112x64"
    layer, (x,) = example("224x224x64 -> POOL2")
    assert layer.shape(x).values / x.values == 1 - 0.75
    assert layer.parameters(x) == {}
    assert output("55x55x96 -> POOL3 S=2") == "27x27x96"
    slice_ = np.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
    y = layer.forward((slice_[None, :, :, None],), {}, Mode())
    assert y[0, :, :, 0].tolist() == [[6, 8], [3, 4]]


def test_fc_as_conv() -> None:
    fc, conv = example("7x7x5 -> FC 11")[0], example("7x7x5 -> CONV7-11 P=0")[0]
    rng = np.random.default_rng(0)
    x, w, b = (rng.standard_normal(s) for s in ((2, 7, 7, 5), (11, 7, 7, 5), (11,)))
    one, other = (layer.forward((x,), {"w": w, "b": b}, Mode()) for layer in (fc, conv))
    np.testing.assert_allclose(one, other, atol=1e-12)
    assert output("7x7x512 -> FC 4096") == output("7x7x512 -> CONV7-4096 P=0") == "1x1x4096"
    assert output("12x12x512 -> CONV7-1000 P=0") == "6x6x1000"


@pytest.mark.parametrize(
    ("text", "formula", "weights"),
    [
        ("224x224x3 -> CONV3-64", "(3*3*3)*64", 1_728),
        ("224x224x64 -> CONV3-64", "(3*3*64)*64", 36_864),
        ("112x112x64 -> CONV3-128", "(3*3*64)*128", 73_728),
        ("112x112x128 -> CONV3-128", "(3*3*128)*128", 147_456),
        ("56x56x128 -> CONV3-256", "(3*3*128)*256", 294_912),
        ("56x56x256 -> CONV3-256", "(3*3*256)*256", 589_824),
        ("28x28x256 -> CONV3-512", "(3*3*256)*512", 1_179_648),
        ("28x28x512 -> CONV3-512", "(3*3*512)*512", 2_359_296),
        ("7x7x512 -> FC 4096", "7*7*512*4096", 102_760_448),
        ("1x1x4096 -> FC 4096", "4096*4096", 16_777_216),
        ("1x1x4096 -> FC 1000", "4096*1000", 4_096_000),
    ],
)
def test_weights_of_vggnet(text: str, formula: str, weights: int) -> None:
    layer, shapes = example(text)
    assert layer.weight_formula(*shapes) == formula
    assert layer.parameters(*shapes)["w"].size == weights


@pytest.mark.parametrize(
    ("text", "exact", "accepted"),
    [
        ("224x224x3 -> CONV7-96 S=2 P=1", "110.5", "110x110x96"),
        ("224x224x3 -> CONV7-64 S=2 P=3", "112.5", "112x112x64"),
        ("56x56x64 -> CONV3-128 S=2 P=1", "28.5", "28x28x128"),
        ("112x112x64 -> POOL3 S=2 P=1", "56.5", "56x56x64"),
    ],
)
def test_case_studies_that_do_not_fit(text: str, exact: str, accepted: str) -> None:
    (problem,) = problems(text)
    assert f" + 1 = {exact} is not whole" in problem
    assert output(f"{text} fit=floor") == accepted
