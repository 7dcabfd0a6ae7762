"""What the processes of the locations print: from their pipes to readers and files."""

from hostler.daemon.logs.files import LogWriter
from hostler.daemon.logs.location import Follower, LocationLog, LogLine, Stream
from hostler.daemon.logs.pipes import PipeReader

__all__ = ["Follower", "LocationLog", "LogLine", "LogWriter", "PipeReader", "Stream"]
