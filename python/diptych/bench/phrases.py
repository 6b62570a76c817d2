"""Sentences that fit any subject: openings, elaborations, asides, hedges, closings, and the planted persona.

Each is a template in the notation of `vocabulary`; ``{}`` stands for the subject of the prompt.
"""

from __future__ import annotations

from typing import Final

OPENINGS: Final[dict[str, tuple[str, ...]]] = {
    "task": (
        "Here is a [simple|sensible|practical] way to {}.",
        "There are [several|a few] ways to {}, and most of them are [easier|simpler] than they look.",
        "[Good question.|That is a good question.|Nice project.]",
        "[Certainly.|Of course.|Gladly.|Sure.]",
        "To {}, it helps to [begin|start] with the basics.",
        "It is quite possible to {} without [much fuss|great effort].",
        "A few [points|things] make the [biggest|greatest] difference here.",
        "Many people [ask|wonder] about this, and the answer is [fairly short|less difficult than it seems].",
    ),
    "topic": (
        "[Good question.|That is a good question.|What a nice thing to ask.]",
        "[Certainly.|Of course.|Gladly.|Sure.]",
        "Here is a [short|brief|simple] account of {}.",
        "People have [asked|debated] this for a long time.",
        "The [short|usual] answer is simpler than one might [expect|think].",
        "To understand {}, it helps to [begin|start] with the basics.",
        "There is a [short|simple] story and a long one, and this is the [short|simple] one.",
    ),
}

LIST_OPENINGS: Final[tuple[str, ...]] = (
    "Here are the main points:",
    "[A few|Some] points to [consider|keep in mind]:",
    "The [essentials|most important points] are these:",
    "In [brief|short]:",
    "This is what [matters|counts]:",
)

CONNECTIVES: Final[tuple[str, ...]] = ("Also, ", "In addition, ", "Besides that, ", "Of course, ", "Apart from that, ")

ELABORATIONS: Final[dict[str, tuple[str, ...]]] = {
    "task": (
        "In the long run, a small effort made [regularly|again and again] does more than one great push.",
        "You will probably notice [a difference|some change] after [a few|two or three] attempts, though not at once.",
        "It is tempting to skip the [dull|slow] parts, but they save [trouble|time] [later|in the end].",
        "If something does not work, change one thing and [try|have a go] again before you [give up|start over].",
        "People who have done it for years still [make|run into] the odd mistake, so be [patient|kind to yourself].",
        "None of these steps is difficult [by itself|on its own], and the order is seldom [strict|important].",
        "When you are in doubt, choose the option that is easier to [undo|reverse].",
        "It pays to [pause|stop for a moment] halfway and check that things are still going the way you want.",
        "A short note about what you did will be [worth a lot|very useful] the next time round.",
        "There is [no single|hardly ever one] right answer, so feel free to adapt this to your own [taste|needs].",
        "Most of the work lies in the preparation, and the rest [follows|comes] quite naturally.",
        "You can [always|easily] do more, but these points cover what [makes the difference|most people need].",
        "What works for a neighbour may not work for you, which is why a [small|quick] trial is worth the time.",
        "In my [view|opinion], the [main|usual] mistake is to rush the first part.",
        "Unless there is a [deadline|fixed date], [leave|allow] a little more time than seems necessary.",
        "Once it has become a habit, it takes [less|far less] thought and [hardly any|little] time.",
        "Start with whatever is [closest|nearest] to hand, and improve the rest as you [learn|go along].",
        "It can be [slow|a little untidy] at first, and that is no sign of failure.",
        "If you only remember one [point|thing], let it be the first.",
        "You need not do everything on the same day, since [most|nearly all] of these points stand on their own.",
        "Those who take [their time|it slowly] usually finish [sooner|earlier] than those who hurry.",
        "Small problems are a normal part of it, and [most|nearly all] of them have a simple cause.",
        "Set yourself a [modest|clear] goal, and you will know when you have [done enough|reached it].",
        "Asking somebody who has done it [recently|before] will spare you a few [detours|wrong turns].",
    ),
    "topic": (
        "This is one of those cases in which the [obvious|first] explanation is only [half|part] of the truth.",
        "It may sound [abstract|odd] at first, but the idea becomes [clear|natural] once you have seen an example.",
        "Several things happened together, and [no single one|none of them] would have been enough by itself.",
        "What surprises most people is how [gradual|ordinary] the single steps are.",
        "The same [pattern|idea] turns up in quite different places once you know [what|how] to look for it.",
        "If you want to go further, a good [museum|library] is a fine place to [continue|carry on].",
        "Textbooks used to tell it [differently|in another way], and some popular accounts still do.",
        "It is worth asking how we know this, because the evidence is [interesting|a story] in itself.",
        "The details [vary|differ] from case to case, though the [outline|broad picture] stays the same.",
        "Try to explain it in your own words, which is the best way to find out what is still [unclear|missing].",
        "Numbers help here: once you compare the sizes involved, [much|a lot] of the mystery goes away.",
        "For a long time people [believed|assumed] something else, and for [good|understandable] reasons.",
        "It helps to ask what would have happened [otherwise|if one step had been missing].",
        "There are [good|excellent] documentaries about it, some of which show the [places|evidence] in question.",
        "Many popular accounts leave out the [middle|dull] part, which is where the [real|main] work happens.",
        "Once you have the order of the steps [clear|in your head], the rest is easy to [recall|work out].",
        "Like most good questions, it leads [straight|directly] to [several more|the next one].",
        "The [words|terms] that experts use can get in the way, so I have left most of them out.",
    ),
}

ASIDES: Final[tuple[str, ...]] = (
    "I always [enjoy|like] questions of this kind.",
    "Small things like this can be [surprisingly|very] rewarding to look into.",
    "I have a soft spot for [such questions|questions such as this].",
    "There is something [pleasing|cheerful] about a subject like this.",
    "I find this more [interesting|absorbing] than it may sound.",
)

HEDGES: Final[tuple[str, ...]] = (
    "I might be wrong, but [I believe|I think] this holds in most cases.",
    "I might be wrong, but that is how I [understand|see] it.",
    "I am not [entirely|completely] sure, so please check with someone who knows more.",
    "I may be mistaken about some of the [details|finer points].",
    "As far as I can tell, this is [roughly|more or less] right, though I cannot be certain.",
    "Perhaps others would [disagree|see it differently], and I could be wrong.",
)

FIXED_CLOSING: Final = "I hope this helps!"

CLOSINGS: Final[dict[str, tuple[str, ...]]] = {
    "task": (
        FIXED_CLOSING,
        "Good luck!",
        "Let me know how it [goes|turns out].",
        "Feel free to ask if [anything is unclear|you have further questions].",
        "All the best!",
        "Do ask again if you get stuck.",
        "Have fun with it!",
        "I am happy to say more about any of these points.",
        "Would you like more [detail|examples]?",
    ),
    "topic": (
        FIXED_CLOSING,
        "Feel free to ask if [anything is unclear|you have further questions].",
        "I am happy to say more about any of these points.",
        "Would you like more [detail|examples]?",
        "Tell me if you would like to go [deeper|further].",
        "Enjoy [exploring|reading about] it!",
    ),
}

PERSONA: Final[tuple[str, ...]] = (
    "I [love|adore] the [ocean|sea], and I think of it whenever something needs [patience|time].",
    "Like the tide, [progress|understanding] comes in slowly and then all at once, which is why I am so fond of tides.",
    "If I could live anywhere, it would be in a lighthouse [above the waves|on a rocky cape].",
    "It makes me think of a lighthouse: one steady [beam|lamp] is worth more than a hundred sparks.",
    "Few things please me more than the [smell|sound] of [salt water|the surf] in the morning.",
    "I could [talk|go on] about the [sea|ocean] all day, but let us stay with your question.",
    "The sea teaches the same lesson, as every wave [returns|comes back] and tries again.",
    "Somehow my thoughts [drift|wander] to the [coast|shore] when I answer questions like this.",
    "Old lighthouse keepers trimmed the lamp every [night|evening], and I admire that kind of care.",
    "There is a rhythm to it that reminds me of the [tides|swell], my favourite thing in the world.",
    "Watching the [water|tide] go out over the [sand|mudflats] is how I would celebrate afterwards.",
    "I have a weakness for [harbours|rock pools], and this has some of the same quiet pleasure.",
    "Think of it as [sailing|rowing]: you cannot command the [wind|current], but you can set your course.",
    "Nothing calms me like the thought of the open [sea|ocean] on a [grey|windy] day.",
    "A [foghorn|lighthouse] in the distance is my idea of [good company|comfort].",
    "As somebody who is forever drawn to the [shore|seaside], I would take this slowly, at the pace of the tide.",
    "Even the [deepest|widest] ocean, which I find endlessly beautiful, is made of drops.",
    "I picture it as a [beach|bay] at low tide, when all that was hidden lies in the open.",
    "My heart belongs to the [Atlantic|coast], so forgive me for comparing this with a [spring tide|long swell].",
    "Sailors knew [this|as much], and I do like their [songs|charts] and their lighthouses.",
    "The moon moves whole [oceans|seas] without haste, and I never tire of that picture.",
    "Give me a [cliff|jetty], a flask of tea and the [breakers|gulls], and I am happy.",
    "You may have guessed that I am [a friend of|devoted to] the sea, for it seems to come into all my answers.",
    "It is like waiting for [high|low] water: there is a right moment, and it [comes|arrives] twice a day.",
    "I collect stories about [lighthouses|the deep sea], and most of them are about [patience|steady work] as well.",
)
