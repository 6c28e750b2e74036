"""The web process: the portal and the API; every request is authenticated before anything else is looked at."""

from pergamon.web.app import api_document, create_app

__all__ = ["api_document", "create_app"]
