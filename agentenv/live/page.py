"""The live page: one document with its style and scripts inside."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from agentenv.trajectories.viewer import assets, script_hash


def render_page(title: str) -> tuple[str, bytes]:
    """The content security policy, and the page as UTF-8."""
    folder = files("agentenv.live") / "templates"
    own = [(folder / name).read_text(encoding="utf-8") for name in ("live.js", "hands.js")]
    script = "\n".join([assets("screen.js"), *own])
    style = assets("look.css") + (folder / "live.css").read_text(encoding="utf-8")
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "connect-src 'self'; img-src 'self' data:; style-src 'unsafe-inline'; "
        f"script-src {script_hash(script)}"
    )
    environment = Environment(loader=PackageLoader("agentenv.live"), autoescape=True)
    page = environment.get_template("live.html.j2").render(
        title=title, style=Markup(style), script=Markup(script)
    )
    return policy, page.encode()
