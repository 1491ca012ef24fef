"""Whole numbers rounded up."""


def quotient(number: int, divisor: int) -> int:
    """number / divisor, rounded up: how many pieces of this size hold so many."""
    return -(-number // divisor)


def multiple(number: int, divisor: int) -> int:
    """The next multiple of the divisor."""
    return quotient(number, divisor) * divisor
