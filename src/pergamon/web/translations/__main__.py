"""Write the catalogues anew: `python -m pergamon.web.translations`."""

import sys

from pergamon.web.pages.language import LANGUAGES, SOURCE
from pergamon.web.translations import FOLDER, as_text, lacks, renewed

for code in LANGUAGES.keys() - {SOURCE}:
    catalog = renewed(code)
    (FOLDER / f"{code}.po").write_bytes(as_text(catalog))
    missing = lacks(catalog)
    sys.stdout.write(f"{code}: {len(catalog)} texts, {len(missing)} without a translation\n")
    sys.stdout.writelines(f"  {text}\n" for text in missing)
