"""Language models as writers of texts: behind an endpoint, or on this machine."""
