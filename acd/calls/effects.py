"""What comes out of the call centre: commands to SIP and media, and the events themselves."""

from acd.media.commands import Command as MediaCommand

from .commands import SipCommand, VerifyPin
from .events import Event

Effect = SipCommand | MediaCommand | VerifyPin | Event

Effects = list[Effect]
"In the order in which they are to be carried out; shared by the parts of the call centre."
