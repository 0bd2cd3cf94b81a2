"""Screenshots for the tests."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont


def picture(*texts: str) -> bytes:
    """Lines of text on white, 60 pixels apart (PNG)."""
    image = Image.new("RGB", (360, 640), "white")
    draw = ImageDraw.Draw(image)
    for at, text in enumerate(texts):
        draw.text((20, 60 + 60 * at), text, "black", ImageFont.load_default(18))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
