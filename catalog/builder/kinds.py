"""Which files are taken for music by their ending, and which are named because they are not."""

from __future__ import annotations

EXTENSIONS = frozenset({
    ".mp3", ".mp2", ".mpa", ".flac", ".ogg", ".oga", ".opus", ".spx", ".m4a", ".m4b", ".m4r",
    ".mp4", ".3ga", ".aac", ".ac3", ".eac3", ".ec3", ".wav", ".wave", ".bwf", ".rf64", ".w64",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".wma", ".wv", ".ape", ".mpc", ".mp+",
    ".mka", ".weba", ".tak", ".tta", ".dsf",
})  # fmt: skip

MAYBE_FILM = frozenset({".mp4"})
"""Sound alone as often as a film: the file itself has to tell."""

_SOUND = frozenset({
    ".aa", ".aa3", ".aax", ".ac4", ".alac", ".amr", ".at3", ".awb", ".cda", ".dff", ".dss", ".dts",
    ".dtshd", ".gsm", ".m4p", ".mlp", ".mp1", ".ofr", ".ofs", ".oma", ".ra", ".rka", ".shn", ".thd",
    ".voc", ".vqf",
})  # fmt: skip
_NOTES = frozenset({
    ".it", ".kar", ".mid", ".midi", ".mod", ".nsf", ".rmi", ".s3m", ".sid", ".spc", ".vgm", ".xm",
})  # fmt: skip
_FILMS = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".divx", ".f4v", ".flv", ".m2ts", ".m4v", ".mkv", ".mov",
    ".mpeg", ".mpg", ".mts", ".ogm", ".ogv", ".rm", ".rmvb", ".vob", ".webm", ".wmv",
})  # fmt: skip

NOT_TAKEN = _SOUND | _NOTES | _FILMS
"""What a person may take for music: a build counts it. All else (pictures, texts, play lists) is
left out in silence."""
