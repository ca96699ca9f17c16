"""The bot: a surface like the others. Its library is loaded when a bot is set up."""
