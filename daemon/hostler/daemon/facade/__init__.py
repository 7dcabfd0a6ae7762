"""The gRPC services on one socket: one file for each resource, one function for each refusal.

May import everything below. Begin with `facade` (the server) and `server` (what each call goes
through); `refusals` has every error that a call can be answered with.
"""
