"""Text files as people's editors write them."""

import codecs


def decode_text(content: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark, as Windows writes them.

    Raises:
        UnicodeDecodeError: it is in another encoding, or not text.
    """
    is_utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf16 else "utf-8-sig")
