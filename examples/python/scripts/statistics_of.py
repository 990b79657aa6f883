"""Reads numbers from its arguments and prints their mean and deviation as JSON."""

import json
import statistics
import sys

numbers = [float(one) for one in sys.argv[1:]]
print(json.dumps({"mean": statistics.mean(numbers), "deviation": statistics.pstdev(numbers)}))
