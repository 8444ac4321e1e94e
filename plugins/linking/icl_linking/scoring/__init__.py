"""From an answer to right or wrong: the sound rule, the released one, and reports.

```python
from icl_linking.scoring import decide, official

decide('There is a "Cactihog".', ["cactihog", "hedgehog"])  # 'cactihog'
official('there is "cactihog" in the image.</s>', "cactihog", "hedgehog")  # True
```
"""

from __future__ import annotations

from icl_linking.scoring.official import official, official_label, other_label, paired_label
from icl_linking.scoring.sound import decide, mentioned

__all__ = ["decide", "mentioned", "official", "official_label", "other_label", "paired_label"]
