"""Reads what a daemon has stored and asks it with such contents, one answer list a question.

Takes a daemon's address; gives plain values. A content is (modality, bytes or text); an item is
(sequence number, index of the percept). It judges nothing. Needs what memory_client.py needs.
"""
import memory_client

PAGE = 100  # events, with their payloads: far below gRPC's limit of a message


class Stored(memory_client.Memory):
    """A daemon's memory, item by item. Not thread-safe: one owner thread."""

    def contents(self):
        """Every stored percept, in the order of the log: item → content."""
        request = self._api.ListEventsRequest(page_size=PAGE, view="FULL")
        result = {}
        while True:
            page = self._stub.ListEvents(request, timeout=memory_client.TIMEOUT_S)
            for stored in page.events:
                for index, percept in enumerate(stored.event.percepts):
                    result[stored.sequence, index] = self._content(percept)
            if not page.next_page_token:
                return result
            request.page_token = page.next_page_token

    @staticmethod
    def _content(percept):
        kind = percept.WhichOneof("payload")
        payload = getattr(percept, kind)
        return percept.modality or kind, payload.text if kind == "text" else payload.data

    def _requests(self, questions, k, scenes):
        for (modality, data), want in questions:
            request = self._api.RecallRequest(modalities=[want], k=k)
            request.filter.scenes.extend(scenes)
            percept = request.query.percepts.percepts.add(modality=modality)
            if isinstance(data, str):
                percept.text.text = data
            else:
                getattr(percept, modality).data = data
            yield request

    def ask(self, questions, k, scenes=()):
        """Answers of each question (content, wanted modality): [(similarity, item)], nearest first.
        With `scenes`, events of these alone answer. Returns the answers and the generations that
        gave them."""
        answers = []
        numbers = set()
        requests = self._requests(questions, k, scenes)
        for response in self._pipelined(self._stub.Recall, requests):
            numbers.add(response.generation)
            answers.append(
                [
                    (found.similarity, (found.event.sequence, found.percept_index))
                    for found in response.experiences
                ]
            )
        return answers, numbers
