"""The semantic objects p_1 ... p_n that a caption names (TIDY section 3.2, ITEM eq. 5): its noun phrases.

The papers leave this to GLIP, which is asked for the noun phrases of the caption. Here every grounder is asked for
the same ones, one phrase at a time: what Grounding DINO itself calls a phrase are the tokens above a second
threshold, often fragments. Captions are short and plain, so closed lists of the words that end a phrase do where
a part-of-speech tagger would be the larger model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

VERSION: Final = 1
"""Raised when a caption gets other phrases: part of the recipe of all that is made of them."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OPENERS: Final = _words(
    "a an the this that these those his her its their my our your some any each every another both all several many "
    "few one two three four five six seven eight nine ten no"
)
"""A phrase begins here, whatever came before."""
_ENDERS: Final = _words(
    # prepositions and conjunctions
    "on in at of with without by from to into onto over under above below near beside behind between among around "
    "through across along against inside outside towards toward upon off up down out next for during before after "
    "and or but while as than like where when who whose which what how because if so there here then just not "
    # verbs of being, having and showing
    "is are was were be been being has have had do does did can could will would may might seems seem appears appear "
    "shows show features feature depicts depict contains contain includes include makes make "
    "sits sit stands stand lies lie lays lay rests rest hangs hang walks walk runs run rides ride plays play holds "
    "hold wears wear looks look eats eat flies fly stood sat hung seen shown made taken "
    # pronouns and adverbs
    "it he she they them him i we you us itself themselves himself herself very also together away lit"
)
"""A phrase ends before this word, which is part of none."""
_NOUNS_IN_ING: Final = _words(
    "ring king string wing thing spring swing building painting wedding ceiling clothing railing drawing evening "
    "morning lightning pudding dressing parking living dining stuffing frosting icing earring herring awning"
)
_NOT_PARTICIPLES: Final = _words("red bed shed sled reed seed weed speed colored coloured bearded")
_COLOURS: Final = _words("red orange yellow green blue purple pink brown black white grey gray gold silver tan beige")
_PICTURES: Final = _words(
    "picture pictures photo photos photograph photographs image images view close-up closeup scene background"
)
"""Heads of phrases that name the picture itself."""
_PLACES: Final = _words(
    "foreground left right middle top bottom front back side sides center centre distance edge corner close "
    "lot group number couple pair kind type bunch other others something someone"
)
"""Words that by themselves name a place in the picture or a quantity, and nothing that has a box."""


def noun_phrases(caption: str) -> tuple[str, ...]:
    """The caption's noun phrases in lower case, with their articles, each once, in its order; () when it has none.

    >>> noun_phrases("a red ball and a large shiny blue cube on wood")
    ('a red ball', 'a large shiny blue cube', 'wood')
    >>> noun_phrases("A man riding a horse next to a black and white dog.")
    ('a man', 'a horse', 'a black and white dog')
    """
    chunks = (chunk for clause in re.split(r"[.,;:!?()\"\n]+", caption.lower()) for chunk in _chunks(clause))
    return tuple(dict.fromkeys(" ".join(chunk) for chunk in chunks if _names_something(chunk)))


def naming(caption: str, most: int) -> str:
    """The caption, of whose lists of noun phrases only the first ``most`` of each are left; a verb stays as it was.

    >>> naming("a green ball, a blue cylinder and a purple ring on cloth", 2)
    'a green ball and a blue cylinder on cloth'
    """
    one = "|".join(re.escape(phrase) for phrase in sorted(noun_phrases(caption), key=len, reverse=True))
    listed = rf"\b(?:{one})(?:(?: ?, and | ?, | and )(?:{one})\b)+"

    def shortened(found: re.Match[str]) -> str:
        *several, last = re.findall(one, found[0], re.IGNORECASE)[:most]
        return f"{', '.join(several)} and {last}" if several else str(last)

    return re.sub(listed, shortened, caption, flags=re.IGNORECASE) if one else caption


def _chunks(clause: str) -> Iterator[list[str]]:
    """Runs of words between the words that end a phrase."""
    words = re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", clause)  # noqa: RUF001
    run: list[str] = []
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        joined = word == "and" and bool(run) and run[-1] in _COLOURS and following in _COLOURS
        if not joined and _ends(word, following, run):
            yield run
            run = []
        elif word in _OPENERS and run and run[-1] not in _OPENERS:
            yield run
            run = [word]
        else:
            run.append(word)
    yield run


def _ends(word: str, following: str, run: list[str]) -> bool:
    """Whether a phrase ends before this word: a listed one, or a participle that does not open the phrase."""
    if word in _ENDERS:
        return True
    if run and _OPENERS.issuperset(run):
        return False
    if word.endswith("ing"):
        return word not in _NOUNS_IN_ING
    closes = not following or following in _ENDERS or following in _OPENERS
    return word.endswith("ed") and word not in _NOT_PARTICIPLES and closes


def _names_something(phrase: list[str]) -> bool:
    words = [word for word in phrase if word not in _OPENERS]
    return not _PLACES.issuperset(words) and words[-1] not in _PICTURES
