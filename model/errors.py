"""The one kind of error that is the user's to mend."""


class InputError(ValueError):
    """Wrong input by the user; its message is one line: the culprit, the value, the choices."""
