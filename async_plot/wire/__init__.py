"""Bytes <-> messages. No socket, thread, clock or file in here."""
