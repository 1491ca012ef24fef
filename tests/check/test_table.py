"""The cost table."""

from __future__ import annotations

import csv
import io

import pytest

from striate.check import Table, check, tabulate
from striate.graph import build
from striate.notation import parse

SMALL = (
    "INPUT 31x31x3 -> c_1: CONV3-8 S=2 P=0 -> RELU -> POOL2 fit=floor -> norm: BATCHNORM -> FC 10"
)
VGG16 = """INPUT 224x224x3 -> [CONV3-64 -> RELU]*2 -> POOL2 -> [CONV3-128 -> RELU]*2 -> POOL2
    -> [CONV3-256 -> RELU]*3 -> POOL2 -> [[CONV3-512 -> RELU]*3 -> POOL2]*2
    -> [FC 4096 -> RELU]*2 -> FC 1000"""


def table(text: str, batch: int = 1, training: bool = False, states: int = 0) -> Table:
    return tabulate(check(build(parse(text))), batch, training, states)


TEXT = """\
layer  notation         volume     values    memory           weights  parameters     MACs      view
----------------------------------------------------------------------------------------------------
input  INPUT            31x31x3     2,883  11.53 kB                                           1/1 @0
c_1    CONV3-8 S=2 P=0  15x15x8     1,800  7.200 kB   (3*3*3)*8 = 216         224  48.60 k    3/2 @1
relu1  RELU             15x15x8  in place                                                     3/2 @1
pool1  POOL2 fit=floor  7x7x8         392  1.568 kB                                           5/4 @2
norm   BATCHNORM        7x7x8         392  1.568 kB                            16             5/4 @2
fc1    FC 10            1x1x10         10  40 bytes  7*7*8*10 = 3,920       3,930  3.920 k  29/4 @14
----------------------------------------------------------------------------------------------------
total                               5,477  21.91 kB             4,136       4,170  52.52 k
view: size/stride @centre of what the first activation sees, in pixels of the image
pool1: fit=floor takes (15 - 2 + 2*0)/2 + 1 = 7.5 as 7

memory for 1 image, inference
  activations that are needed at the same time   18.73 kB
  parameters                                     16.77 kB
  images of the batch                            11.53 kB
  total                                          47.03 kB"""

TRAINING = """
memory for 100 images, training
  activations 2.191 MB, their gradients as much                       4.382 MB
  parameters 16.77 kB, gradients 16.68 kB, optimizer state 33.36 kB   66.81 kB
  images of the batch                                                 1.153 MB
  total                                                               5.602 MB"""

MARKDOWN = r"""| layer | notation | volume | values | memory | weights | parameters | MACs | view |
| :-- | :-- | :-- | --: | --: | --: | --: | --: | --: |
| input | INPUT | 31x31x3 | 2,883 | 11.53 kB |  |  |  | 1/1 @0 |
| c_1 | CONV3-8 S=2 P=0 | 15x15x8 | 1,800 | 7.200 kB | (3\*3\*3)\*8 = 216 | 224 | 48.60 k | 3/2 @1 |
| relu1 | RELU | 15x15x8 | in place |  |  |  |  | 3/2 @1 |
| pool1 | POOL2 fit=floor | 7x7x8 | 392 | 1.568 kB |  |  |  | 5/4 @2 |
| norm | BATCHNORM | 7x7x8 | 392 | 1.568 kB |  | 16 |  | 5/4 @2 |
| fc1 | FC 10 | 1x1x10 | 10 | 40 bytes | 7\*7\*8\*10 = 3,920 | 3,930 | 3.920 k | 29/4 @14 |
| total |  |  | 5,477 | 21.91 kB | 4,136 | 4,170 | 52.52 k |  |"""

LATEX = r"""\begin{tabular}{lllrrrrrr}
\hline
layer & notation & volume & values & memory & weights & parameters & MACs & view \\
\hline
input & INPUT & 31x31x3 & 2,883 & 11.53 kB &  &  &  & 1/1 @0 \\
c\_1 & CONV3-8 S=2 P=0 & 15x15x8 & 1,800 & 7.200 kB & (3*3*3)*8 = 216 & 224 & 48.60 k & 3/2 @1 \\
relu1 & RELU & 15x15x8 & in place &  &  &  &  & 3/2 @1 \\
pool1 & POOL2 fit=floor & 7x7x8 & 392 & 1.568 kB &  &  &  & 5/4 @2 \\
norm & BATCHNORM & 7x7x8 & 392 & 1.568 kB &  & 16 &  & 5/4 @2 \\
fc1 & FC 10 & 1x1x10 & 10 & 40 bytes & 7*7*8*10 = 3,920 & 3,930 & 3.920 k & 29/4 @14 \\
\hline
total &  &  & 5,477 & 21.91 kB & 4,136 & 4,170 & 52.52 k &  \\
\hline
\end{tabular}"""


def test_the_text() -> None:
    assert table(SMALL).to_text() == TEXT
    assert str(table(SMALL)) == TEXT


def test_the_memory_lines_of_training() -> None:
    text = table(SMALL, batch=100, training=True, states=2).to_text()
    assert text.endswith(TRAINING)


def test_markdown() -> None:
    assert table(SMALL).to_markdown() == MARKDOWN


def test_latex() -> None:
    assert table(SMALL).to_latex() == LATEX


def test_csv_and_records() -> None:
    small = table(SMALL)
    assert small.records()[1] == {
        "layer": "c_1",
        "notation": "CONV3-8 S=2 P=0",
        "width": 15,
        "height": 15,
        "depth": 8,
        "values": 1800,
        "bytes": 7200,
        "formula": "(3*3*3)*8",
        "weights": 216,
        "parameters": 224,
        "macs": 48600,
        "view_width": 3,
        "view_height": 3,
        "stride_x": 2,
        "stride_y": 2,
        "centre_x": 1.0,
        "centre_y": 1.0,
        "fit": "",
    }
    rows = list(csv.DictReader(io.StringIO(small.to_csv())))
    assert rows == [{k: str(v) for k, v in record.items()} for record in small.records()]


def test_vgg16_as_the_notes_list_it() -> None:
    net = table(VGG16)
    weights = [row.weights for row in net.rows if row.weights]
    assert weights == [
        1_728, 36_864, 73_728, 147_456, 294_912, 589_824, 589_824, 1_179_648,
        *[2_359_296] * 5, 102_760_448, 16_777_216, 4_096_000,
    ]  # fmt: skip
    formulas = [row.formula for row in net.rows if row.formula]
    assert formulas[:3] == ["(3*3*3)*64", "(3*3*64)*64", "(3*3*64)*128"]
    assert formulas[-3:] == ["7*7*512*4096", "4096*4096", "4096*1000"]
    for row in net.rows:
        if row.formula:
            assert eval(row.formula) == row.weights
    assert net.parameters == 138_357_544
    assert net.macs == 15_470_264_320
    assert net.values == 15_237_608
    values = [row.values for row in net.rows if row.values]
    assert values[:4] == [150_528, 3_211_264, 3_211_264, 802_816]
    assert "15,237,608  60.95 MB" in net.to_text()
    assert max(map(len, net.to_text().split("\n"))) <= 120


def test_macs_of_the_first_layer() -> None:
    assert table(VGG16).rows[1].macs == 224 * 224 * 64 * 27


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("INPUT 8x8x1 -> POOL2 fit=floor", ""),
        ("INPUT 7x7x1 -> POOL2 fit=ceil", "fit=ceil takes (7 - 2 + 2*0)/2 + 1 = 3.5 as 4"),
        (
            "INPUT 7x9x1 -> POOL2 fit=floor",
            "fit=floor takes (7 - 2 + 2*0)/2 + 1 = 3.5 as 3 and (9 - 2 + 2*0)/2 + 1 = 4.5 as 4",
        ),
        (
            "INPUT 8x9x1 -> CONV2-1 P=0 S=2 fit=floor",
            "fit=floor takes (9 - 2 + 2*0)/2 + 1 = 4.5 as 4",
        ),
    ],
)
def test_an_accepted_fit_is_printed(text: str, fit: str) -> None:
    assert table(text).rows[1].fit == fit
