"""Verdicts, body language and the running estimate to an MQTT broker, and what Home Assistant wants to know."""
