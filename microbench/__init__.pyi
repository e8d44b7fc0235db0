from microbench.studies.time_model import time as time

__version__: str
