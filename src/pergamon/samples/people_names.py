"""Which names the sample hospital's people and places bear: many scripts, accents, apostrophes, right to left.

Six family and six given names a script; the rows pick both from the same script.
"""

SCRIPTS: tuple[tuple[str, str], ...] = (
    ("Müller Weiß Groß Jäger Köhler Özdemir", "Jürgen Änne Zoë Björn Käthe Günter"),
    ("O'Neill D'Angelo Núñez Brontë Lefèvre Saint-Just", "Seán François Íñigo Chloë Renée Anne-Marie"),
    ("Łukasiewicz Žižková Őrsi Čapek Šimůnek Țepeș", "Łucja Žofie Őze Ştefan Ångström Þóra"),
    ("Παπαδόπουλος Γεωργίου Ιωάννου Νικολάου Χατζή Αθανασίου", "Ελένη Γιώργος Άννα Κώστας Ζωή Νίκος"),
    ("Иванова Шевченко Ковальчук Щербаков Ёлкина Петренко", "Юлия Олександр Ївга Пётр Наталья Андрій"),
    ("الخطيب حسن المصري العلي بنعلي النجار", "فاطمة محمد ليلى يوسف مريم خالد"),
    ("כהן לוי מזרחי פרץ ביטון אזולאי", "נועה דוד תמר יעקב רחל אורי"),
    ("王 李 張 欧阳 司马 陳", "秀英 伟 芳 小龙 静 志明"),
    ("佐藤 鈴木 高橋 渡邉 髙𣘺 齋藤", "さくら 陽翔 ゆい 大輔 花子 ケンジ"),
    ("김 이 박 최 남궁 황보", "서연 민준 지우 하은 도윤 수빈"),
    ("शर्मा गुप्ता अय्यर मुखर्जी सिंह पटेल", "प्रिया राहुल दीपा अर्जुन लक्ष्मी सुनील"),
    ("Nguyễn Trần Phạm Đặng Huỳnh Vũ", "Thị-Hương Đức Ánh Bảo Ngọc Tuấn"),
)

FAMILY_NAMES = [name for family, _ in SCRIPTS for name in family.split()]
GIVEN_NAMES = [name for _, given in SCRIPTS for name in given.split()]

ORGANIZATION_NAMES = [
    "Klinikum am Fluß",
    "Hôpital Saint-Éloi",
    "Hospital São João",
    "Tartu Tervisekeskus",
    "Ασκληπιείο Περγάμου",
    "中央病院",
    'Praxis "Zur Eiche", Dr. N.',
]
