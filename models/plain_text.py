"""Text that steers no terminal, under the name that the rooms of `models` know it by."""

from features.plain_text import one_line, printable

__all__ = ["one_line", "printable"]
