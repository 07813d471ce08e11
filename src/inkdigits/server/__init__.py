"""The HTTP API and the web page: `create_app(settings)` is an ASGI application. Needs the extra [serve]."""
