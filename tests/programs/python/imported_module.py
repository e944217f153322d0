# SPDX-License-Identifier: Apache-2.0
"""Does its work while it is being imported: `imports` of call_tree.py takes it out of sys.modules before."""

import __main__

__main__.burn(__main__.IMPORT_SECONDS[0])
