"""`python -m p4kube_core.agent`: what agent.client starts in the background."""

import sys

from p4kube_core.agent import main

sys.exit(main.main())
