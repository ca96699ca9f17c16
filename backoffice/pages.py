"""Pages of our own inside the console: who may open them and how they are drawn."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from sqladmin import BaseView, expose
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from services.permissions import Permission
from services.staff_sessions import Staff


class Page(BaseView):
    """One item of the menu with the pages and commands behind it.

    The first decorated method in the class is the page that the menu opens.
    """

    needs: ClassVar[Mapping[str, Permission]] = {"list": Permission.CONSOLE_USE}
    in_menu: ClassVar[bool] = True

    def is_visible(self, request: Request) -> bool:
        """Pages reached from another page stay out of the menu."""
        return self.in_menu

    async def render(
        self,
        request: Request,
        template: str,
        context: Mapping[str, Any] | None = None,
        status: int = 200,
    ) -> Response:
        """Draw a template of backoffice/templates; `view` and `staff` are there."""
        response: Response = await self.templates.TemplateResponse(
            request,
            template,
            {"view": self, "staff": request.state.staff, **(context or {})},
            status_code=status,
        )
        return response


def page(path: str) -> Callable[..., Any]:
    """Serve a GET page; its address is `admin:view-<name of the method>`."""
    decorated: Callable[..., Any] = expose(path, methods=["GET"])
    return decorated


async def draw(
    view: Any, request: Request, template: str, context: Mapping[str, Any]
) -> Response:
    """Draw a template for a view of either kind."""
    response: Response = await view.templates.TemplateResponse(
        request, template, {"view": view, "staff": staff_of(request), **context}
    )
    return response


def staff_of(request: Request) -> Staff:
    """The member of staff behind a request that has passed sign-in."""
    staff: Staff = request.state.staff
    return staff


def local_path(request: Request, candidate: str | None) -> str | None:
    """Accept an address only inside our own console, so that nobody is led away."""
    if not candidate:
        return None
    base = f"{request.url.scheme}://{request.url.netloc}"
    path = candidate.removeprefix(base)
    inside = path == "/admin" or path.startswith("/admin/")
    return path if inside and "\\" not in path and "\n" not in path else None


def readable(request: Request, address: str | None) -> str | None:
    """Keep an address that can be opened: an answer to a POST has none of its own."""
    if address is None:
        return None
    path = address.partition("?")[0]
    scope = {**request.scope, "method": "GET", "path": path}
    routes = request.app.router.routes
    opens = any(route.matches(scope)[0] is Match.FULL for route in routes)
    return address if opens else None
