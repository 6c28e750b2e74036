"""The web process: today the API; every request is authenticated before anything else about it is looked at."""

from pergamon.web.app import create_app

__all__ = ["create_app"]
