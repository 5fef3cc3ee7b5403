"""The routes of one resource, found by what their URLs begin with."""

from fastapi import APIRouter
from starlette.routing import Match
from starlette.types import Scope


class Router(APIRouter):
    """Is passed by at once by what is asked of another resource: there are many, and each has many routes."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether, and how, a request fits one of the routes."""
        if not scope["path"].startswith(scope.get("root_path", "") + self.prefix):
            return Match.NONE, {}
        return super().matches(scope)
