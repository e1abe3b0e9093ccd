"""Emotion labels of the data sets and of classifiers as our `Emotion`: tables alone.

Each has its own names and its own order. A label that is not here has no class: its clip is kept
without an emotion, and the listing says how many there were. `None` marks labels that are
known and have no class among the eight.

Sources: MEAD's folders and the README of its code (uniBruce/Mead); MAFW's README and the columns of
its annotation table; CelebV-Text's paper; the class lists of EmotiEffLib and of Ditto.
"""

from playmate_jax.motion.layout import Emotion

MEAD_FOLDERS = {
    "angry": Emotion.ANGRY,
    "contempt": Emotion.CONTEMPT,
    "disgusted": Emotion.DISGUSTED,
    "fear": Emotion.FEAR,
    "happy": Emotion.HAPPY,
    "neutral": Emotion.NEUTRAL,
    "sad": Emotion.SAD,
    "surprised": Emotion.SURPRISED,
}

# By the index of MEAD's own code, which is not the order of its folders.
MEAD_INDICES = (
    Emotion.ANGRY,
    Emotion.DISGUSTED,
    Emotion.CONTEMPT,
    Emotion.FEAR,
    Emotion.HAPPY,
    Emotion.SAD,
    Emotion.SURPRISED,
    Emotion.NEUTRAL,
)

# In the order of MAFW's annotation columns; its tables of labels count them from 1.
MAFW = {
    "anger": Emotion.ANGRY,
    "disgust": Emotion.DISGUSTED,
    "fear": Emotion.FEAR,
    "happiness": Emotion.HAPPY,
    "neutral": Emotion.NEUTRAL,
    "sadness": Emotion.SAD,
    "surprise": Emotion.SURPRISED,
    "contempt": Emotion.CONTEMPT,
    "anxiety": None,
    "helplessness": None,
    "disappointment": None,
}

# CelebV-Text names emotions in sentences, as nouns or as adjectives.
CELEBV_TEXT = {
    "neutral": Emotion.NEUTRAL,
    "anger": Emotion.ANGRY,
    "angry": Emotion.ANGRY,
    "contempt": Emotion.CONTEMPT,
    "contemptuous": Emotion.CONTEMPT,
    "disgust": Emotion.DISGUSTED,
    "disgusted": Emotion.DISGUSTED,
    "fear": Emotion.FEAR,
    "fearful": Emotion.FEAR,
    "happiness": Emotion.HAPPY,
    "happy": Emotion.HAPPY,
    "sadness": Emotion.SAD,
    "sad": Emotion.SAD,
    "surprise": Emotion.SURPRISED,
    "surprised": Emotion.SURPRISED,
}

# The outputs of EmotiEffLib's classifiers of eight classes, in their order (the metric Emo-A).
EMOTIEFFLIB = (
    Emotion.ANGRY,
    Emotion.CONTEMPT,
    Emotion.DISGUSTED,
    Emotion.FEAR,
    Emotion.HAPPY,
    Emotion.NEUTRAL,
    Emotion.SAD,
    Emotion.SURPRISED,
)

# By the index that Ditto's models are asked with.
DITTO = (
    Emotion.ANGRY,
    Emotion.DISGUSTED,
    Emotion.FEAR,
    Emotion.HAPPY,
    Emotion.NEUTRAL,
    Emotion.SAD,
    Emotion.SURPRISED,
    Emotion.CONTEMPT,
)
