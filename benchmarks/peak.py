"""The peak of a process's memory."""

import resource
import sys
from pathlib import Path


def peak_memory() -> int:
    """Return the peak resident bytes of this process."""
    status = Path('/proc/self/status')
    if status.exists():  # getrusage would count what the parent had before exec
        fields = dict(line.split(':', 1) for line in status.read_text().splitlines())
        return int(fields['VmHWM'].split()[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == 'darwin' else peak * 1024
