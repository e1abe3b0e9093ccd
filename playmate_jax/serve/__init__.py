"""The server `playmate serve`: jobs over HTTP, streams over WebSocket.

The process that listens has no networks and decodes nothing. Uploads are looked at, decoded and
animated in processes of their own (`child.py`), which may crash or hang without it.
"""
