"""Configurations of gateways, read into scenarios and written from them."""
