"""The application on one engine, with an administrator: what is attacked is the same on every engine."""

from tests.api.conftest import Api, anonymous, api, app, routes

__all__ = ["Api", "anonymous", "api", "app", "routes"]
