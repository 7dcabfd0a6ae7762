"""The gRPC services on one socket: one file for each resource, one function for each refusal.

May import every room but the top. Begin with `facade` (the server) and `server` (what each call
goes through); `lookup` finds what a name means, `refusals` has every error that ends a call.
"""
