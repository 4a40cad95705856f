"""Logs when it is imported, which as a rule nobody sees."""
import logging

log = logging.getLogger(__name__)
log.addHandler(logging.NullHandler())
log.debug("debug of the import")
log.info("information of the import")


def again():
    log.debug("debug of the run")
