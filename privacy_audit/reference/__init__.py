"""Agents whose behaviour is known, to measure the auditor by."""
