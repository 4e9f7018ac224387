"""Sessions and the credentials that stand for them."""
