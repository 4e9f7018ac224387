"""Mailed links that prove an e-mail address: its verification, its change, and the deletion of the account."""
