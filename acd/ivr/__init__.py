"""Declarative IVR flows: model, validation, interpreter, drawing."""
