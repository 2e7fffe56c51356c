"""Gateways: small processes that translate a national protocol into our native topics, as outside clients of the
broker.

They hold no data of their own and never touch the database: what the broker has not acknowledged is not acknowledged to
the terminal, which sends it again.
"""
