"""One edit from request to written picture, and the models that it needs."""
