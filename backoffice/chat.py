"""Talk in the console: one conversation, what is done in it, and the list of all."""

import uuid
from typing import Any

from pydantic import TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from backoffice import assets, chat_pane, problems
from backoffice.command_calls import Call
from backoffice.commands import Done, command, sentence
from backoffice.pages import Page, page, staff_of
from services import (
    chat,
    chat_desk,
    chat_rooms,
    file_names,
    files,
    quick_replies,
    rate_limits,
)
from services.chat_desk import Conversation
from services.edges import in_transaction
from services.errors import DomainError, FileRefused, NotFound, Unavailable
from services.i18n import Lazy, gettext
from services.permissions import Permission

TEXT: TypeAdapter[str] = TypeAdapter(chat.Text)
NAME: TypeAdapter[str] = TypeAdapter(chat.ClientId)


async def picture_of(call: Call) -> None:
    """Check and clean the picture, if there is one, while no transaction waits."""
    upload = call.upload("picture")
    if upload is None:
        return
    call_id = call.id("pk")

    async def admit(session: AsyncSession) -> None:
        await chat_rooms.enter(session, call.actor, call_id)
        await rate_limits.upload(session, call.actor.user_id)

    await in_transaction(call.request.app.state.sessions, admit)
    taken = await files.take(await upload.read(), upload.filename or "")
    if taken.media_type not in chat.PICTURES:
        raise FileRefused(reason="unknown")
    call.taken = taken


class Chats(Page):
    """The dispatchers' side of every conversation."""

    name = Lazy("Chats")
    icon = "ti ti-messages"
    needs = {"list": Permission.CHAT_READ}

    @page("/chats")
    async def chats(self, request: Request) -> Response:
        """List the conversations, without a word of what was said."""
        actor = staff_of(request).actor
        entries = await in_transaction(
            request.app.state.sessions,
            lambda session: chat_desk.listing(session, actor),
        )
        request.state.talks = sum(each.unread > 0 for each in entries)
        context = chat_pane.listing(entries) | {"scripts": assets.folder()}
        return await self.render(request, "chat/list.html", context)

    @page("/calls/{pk}/chat")
    async def chat(
        self,
        request: Request,
        call: Call | None = None,
        error: DomainError | None = None,
    ) -> Response:
        """Open a conversation, a journalled reading: as a page or for the script."""
        asked, staff = Call(request, request.query_params), staff_of(request)
        if isinstance(error, Unavailable | NotFound):
            raise error

        async def read(session: AsyncSession) -> tuple[Conversation, Any]:
            talk = await chat_desk.conversation(
                session,
                staff.actor,
                asked.id("pk"),
                asked.integer("after_seq"),
                asked.integer("before_seq"),
            )
            return talk, await quick_replies.texts(session)

        talk, replies = await in_transaction(request.app.state.sessions, read)
        if problems.wants_json(request):
            return JSONResponse(chat_pane.as_json(talk, staff.user_id))
        first = talk.lines[0].seq if talk.lines else 0
        context = {
            "talk": talk,
            "people": chat_pane.people(talk),
            "messages": chat_pane.shown(talk, staff.user_id),
            "boot_chat": chat_pane.boot(replies),
            "scripts": assets.folder(),
            "older": first if first > 1 else 0,
            "client_id": uuid.uuid4().hex,
            "chat_typed": call.text("text") if call else "",
            "chat_error": sentence(error) if error else "",
            "hide": request.query_params.get("hide", ""),
        }
        return await self.render(request, "chat/page.html", context)

    @page("/calls/{pk}/chat/{message}/picture")
    async def chat_picture(self, request: Request) -> Response:
        """Give a picture of the conversation; the look is journalled first."""
        asked, actor = Call(request, {}), staff_of(request).actor
        stored = await in_transaction(
            request.app.state.sessions,
            lambda session: chat.picture(
                session, actor, asked.id("pk"), asked.id("message")
            ),
        )
        headers = file_names.download_headers(stored.file_name)
        return Response(stored.content, headers=headers, media_type=stored.media_type)

    @command(
        "/calls/{pk}/chat/send", Permission.CHAT_WRITE, again="chat", first=picture_of
    )
    async def chat_send(self, session: AsyncSession, call: Call) -> Done:
        """Say something, once for each `client_id`."""
        # Forms write each end of a line as two characters.
        text = call.text("text").replace("\r\n", "\n")
        name = call.text("client_id")
        said = await chat.send(
            session,
            call.actor,
            call.id("pk"),
            TEXT.validate_python(text) if text else None,
            NAME.validate_python(name) if name else None,
            call.taken,
        )
        return Done("", to=_path(call), data={"seq": said.seq})

    @command("/calls/{pk}/chat/read", Permission.CHAT_READ)
    async def chat_read(self, session: AsyncSession, call: Call) -> Done:
        """Remember that the desk has read this far."""
        upto = call.integer("up_to_seq") or 0
        await chat.mark_read(session, call.actor, call.id("pk"), upto)
        return Done("", to=_path(call))

    @command("/calls/{pk}/chat/typing", Permission.CHAT_WRITE)
    async def chat_typing(self, session: AsyncSession, call: Call) -> Done:
        """Let the others know that the desk is writing."""
        await chat.typing(session, call.actor, call.id("pk"))
        return Done("", to=_path(call))

    @command("/calls/{pk}/chat/{message}/hide", Permission.CHAT_HIDE)
    async def chat_hide(self, session: AsyncSession, call: Call) -> Done:
        """Take a message out of the others' sight; the reason goes to the journal."""
        reason = call.words("reason", 500, gettext("Reason"))
        await chat.hide(session, call.actor, call.id("message"), reason)
        return Done(gettext("The message is hidden."), to=_path(call))


def _path(call: Call) -> str:
    return f"{chat_pane.BASE}{call.id('pk')}/chat"
