"""What detectors match and scan, in the forms callers send by mistake."""

import base64

SECRETS = (
    "523-45-6789",
    "523\u201145\u20116789",
    "523-45\u200b-6789",
    "\uff15\uff12\uff13-45-6789",
    "4111 1111 1111 1111",
    "4111111111111111",
    "jane.doe@example.com",
    "jane%2Edoe%40example%2Ecom",
    "555-123-4567",
    "(555) 123-4567",
    "+44 20 7946 0958",
    "1984-06-07",
    "7/6/1984",
    "192.168.10.1",
    "2001:db8:0:0:1:2:3:4",
    "00:1b:44:11:3a:b7",
    "DE89 3704 0044 0532 0130 00",
    "GB29NWBK60161331926819",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "sk-proj-abc123",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0",
    "-----BEGIN RSA PRIVATE KEY-----",
    "d41d8cd98f00b204e9800998ecf8427e",
    "a1b2c3d4e5f6g7h8i9j0",
    "https://jane:hunter@host",
    "https://host/a?token=b",
    base64.b64encode(b"Jane Doe, diabetic").decode(),
    base64.urlsafe_b64encode(b"jane.doe likes tea").decode().rstrip("="),
)
"""Personal numbers, addresses, keys and encoded text."""

PROSE = (
    "my password for the portal is swordfish",
    "the patient was treated for asthma",
    "please tell her that he had a visit from his doctor",
    "one two three four five six seven eight nine ten eleven twelve thirteen",
)
"""What people write, without any personal number in it."""
