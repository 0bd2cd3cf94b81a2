"""Phones and browsers as Gymnasium environments for vision-language agents."""

from agentenv.registration import register_envs

__version__ = "0.1.0"

register_envs()
